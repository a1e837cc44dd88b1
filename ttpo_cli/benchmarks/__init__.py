"""What restoring and training cost on this machine: each stage, a folder run, LFC-SR, LRPO, and the baselines they are compared with."""
