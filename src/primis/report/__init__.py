"""Results as one HTML file: `page` lays out, `figures` draws, the others say what goes in."""
