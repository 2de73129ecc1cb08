"""Result files: their schema, older and foreign formats, writing and reading."""
