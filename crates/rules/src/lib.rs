//! Every rule of pgsteward: a plain function from facts to findings, and a page that runs.
