"""What to ship: bounds on figures, filters, and the best cell of each model that keeps the bounds."""
