"""Result files: their schema, older and foreign forms, writing and reading them."""
