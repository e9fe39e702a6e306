//! The verbs: collect facts, check them, write fixes, prove them in the lab.
