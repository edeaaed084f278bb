"""The report of a study: its sections and the page that shows them."""
