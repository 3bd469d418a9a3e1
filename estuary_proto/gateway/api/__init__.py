"""The REST API of the local gateway as data (PROTOCOL 7): routes, checks, its OpenAPI document.

Nothing here does I/O. `estuary_anyio.gateway.api` answers the routes from a database.
"""
