"""Finding what was written: a small engine contract, German analysis, and engines that keep the contract."""
