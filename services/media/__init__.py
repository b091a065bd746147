"""Media: uploaded pictures, their processing, and archives of user data."""
