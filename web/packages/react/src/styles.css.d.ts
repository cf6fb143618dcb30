// So that a side-effect import of the stylesheet type-checks.
export {};
