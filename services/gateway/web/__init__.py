"""The web app: pages and forms that the server renders, and scripts that add to them."""
