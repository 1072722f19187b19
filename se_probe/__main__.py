"""``python -m se_probe`` is ``se-probe``, for ``torchrun -m se_probe record ...``."""

from se_probe.cli import main

if __name__ == "__main__":
    main()
