"""Heavy work in processes of its own: embeddings, extraction, transcription, pictures."""
