"""What a gateway keeps, in SQLite: memories, players and their messages, characters, shares.

The modules beside `database` and `archive` are queries: plain functions on a connection, which
`Database.read` and `Database.write` run in their thread. Times are ISO texts of one form in UTC, so
that their order is that of time.
"""
