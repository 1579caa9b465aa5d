"""What scenarios strike with. None of it needs the product's help, but for the failpoints, which only a debug build has."""
