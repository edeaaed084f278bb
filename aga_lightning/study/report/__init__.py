"""The report of a study: sections, and the page that shows them."""
