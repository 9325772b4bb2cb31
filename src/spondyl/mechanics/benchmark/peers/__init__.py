"""Other programs that solve the same mesh, one module each; `table.PEERS` lists them."""
