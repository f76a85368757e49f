"""Many pairs of pictures in one request: kept on disk, paired by name, judged one by one."""
