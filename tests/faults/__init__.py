"""Networks, peers and machines that fail, in every state of a conversation."""
