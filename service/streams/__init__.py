"""Live frames: a conversation over a WebSocket, frame by frame, of which only the newest counts."""
