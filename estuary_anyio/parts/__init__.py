"""What `EstuaryClient` is made of: a part for each thing that its user does with it.

Each is a class that the client inherits; what all of them need of it stands in `driving`.
"""
