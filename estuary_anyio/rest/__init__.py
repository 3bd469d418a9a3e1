"""REST calls on httpx: `client.memory`, `.players`, `.characters`, `.generate`, `.shares`, turns.

`resting` is what the client gains, `runner` performs a call, `pool` owns the connections; each
namespace has a file. What is sent and what an answer means is decided in `estuary_proto.rest`.
"""
