"""What people sell: shops, products, and how much of each there is and is held for whom."""
