"""The scripts that train the small networks whose weights the package ships; anyone can run them again."""
