"""What `Client` is made of besides its connections: a part for each matter that it deals with.

Each is a class that the client inherits, and names what it needs of it.
"""
