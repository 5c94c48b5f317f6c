"""What people read: page, HTML, Markdown, CSV, terminal."""
