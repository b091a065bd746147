"""What runs in containers beside the services: standard library only, for any Python from 3.11."""
