"""Microphone, loudspeaker and LiveKit rooms. Sound comes with a later release."""
