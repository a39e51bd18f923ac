"""Pure functions of a notebook: bytes in, bytes or findings out. No file is opened here, no process started."""
