"""Media: uploaded pictures, made safe, and the files they lie in."""
