"""Makes ``python -m primis.cli`` the command."""

from primis.cli import main

if __name__ == "__main__":
    main()
