"""What happens before anything is built: cells are composed, and they and this machine are checked."""
