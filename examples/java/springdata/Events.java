package springdata;

import java.util.UUID;
import org.springframework.data.repository.Repository;

interface Events extends Repository<Event, UUID> {
  Event save(Event event);
}
