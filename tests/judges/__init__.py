"""Outsiders judge: other servers for our client, other clients for our gateway."""
