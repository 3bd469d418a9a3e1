"""`estuary doctor`: what is installed, what can be heard, and how far it is to a server."""
