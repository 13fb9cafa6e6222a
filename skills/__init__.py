"""Skills: manifest, library, versions."""
