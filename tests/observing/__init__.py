"""What observers of a client are told: hooks, the log of `debug`, OpenTelemetry."""
