"""``python -m dnasweep`` is the command line."""

from engine.commands.main import main

if __name__ == "__main__":
    main()
