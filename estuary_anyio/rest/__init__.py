"""REST calls on httpx: `client.memory`, `.players`, `.characters`, `.generate`, `.shares`, turns.

`runner` performs a call, `pool` owns the connections, each namespace has a file; `parts.rest` is
what the client gains. What is sent and what an answer means is decided in `estuary_proto.rest`.
"""
