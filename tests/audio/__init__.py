"""Sound: the queue under virtual time, and microphone and loudspeaker on a virtual sound card."""
