"""How a method is run: in what order, on which device, and what is kept."""
