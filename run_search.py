"""The command line of a checkout: ``python run_search.py STUDY.yaml``; `dnasweep` is the same."""

from engine.commands.main import main

if __name__ == "__main__":
    main()
