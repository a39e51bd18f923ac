"""What the service knows, in SQLite. Functions take an open transaction; files are somebody else's business."""
