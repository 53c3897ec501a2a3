"""The one place where untrusted bytes are opened: a process without credentials."""
