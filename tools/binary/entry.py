"""What PyInstaller runs: as a script it belongs to no package, so it can't import as the modules of a package do."""

from imagine.frozen import main

main()
