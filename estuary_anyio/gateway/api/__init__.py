"""The REST API of the gateway (PROTOCOL 7): HTTP in, answers from the database out."""
