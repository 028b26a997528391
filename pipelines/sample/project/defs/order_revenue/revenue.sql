select
    o.order_id,
    o.order_no,
    o.customer_id,
    c.name as customer_name,
    c.country,
    o.ordered_at,
    o.currency,
    count(*) as lines,
    cast(sum(l.quantity * l.unit_price * (100 - coalesce(l.discount_percent, 0)) / 100) as decimal(18, 2)) as revenue
from orders as o
join order_lines as l on l.order_id = o.order_id
join customers as c on c.customer_id = o.customer_id
group by all
