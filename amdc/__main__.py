"""`python -m amdc` is the command line, where the script `amdc` is not on the PATH."""

from amdc.cli.main import main

if __name__ == "__main__":
    main()
