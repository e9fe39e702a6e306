/* a /* b */ */ SELECT E'\x41' || U&"d\0061" || $x$y$x$; é ;;
-- "open
SELECT (((1; SELECT 'open