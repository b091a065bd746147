"""Comment threads: which posts answer which, in which order, how many, and who takes part."""
