"""The lowerings, a file a family of operators; `codegen.registry.MODULES` names them."""
